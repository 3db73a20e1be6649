// The suite of reconnect.test.ts with a hundred restarts, and a bus that ends after each request.

import './reconnect.test.js';
