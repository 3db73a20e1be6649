// The suite of reconnect.test.ts with a hundred restarts.

import './reconnect.test.js';
