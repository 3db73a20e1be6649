// The suite of signal-queue.test.ts with a queue without limit, and the growth of the work for long queues.

import './signal-queue.test.js';
