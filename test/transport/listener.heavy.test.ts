// The suite of listener.test.ts with a process that calls process.exit(). test/connection/listen.test.ts has a process
// that ends by itself.

import './listener.test.js';
