// The suite of wrong-arguments.test.ts with every value in each place.

import './wrong-arguments.test.js';
