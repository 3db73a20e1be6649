// The suite of unixexec.test.ts with more programs at the same time, and more that wait until they have to end.

import './unixexec.test.js';
