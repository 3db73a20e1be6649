// The suite of program.test.ts with all ends of the program.

import './program.test.js';
