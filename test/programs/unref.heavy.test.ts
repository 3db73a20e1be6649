// The suite of unref.test.ts with all programs.

import './unref.test.js';
