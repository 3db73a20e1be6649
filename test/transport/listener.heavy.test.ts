// The suite of listener.test.ts with a process that calls process.exit(). One that ends is in test/connection/listen.test.ts.

import './listener.test.js';
