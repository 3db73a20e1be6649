// The suite of unix-fds.test.ts with both real buses.

import './unix-fds.test.js';
