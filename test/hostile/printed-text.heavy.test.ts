// The suite of printed-text.test.ts with every kind of text, and both programs.

import './printed-text.test.js';
