// The suite of odd-arguments.test.ts with every odd value in each place.

import './odd-arguments.test.js';
