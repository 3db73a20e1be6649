// The suite of forged-replies.test.ts with more guesses.

import './forged-replies.test.js';
