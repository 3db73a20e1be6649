// The suite of signal-queue.test.ts with the growth of the work for long queues.

import './signal-queue.test.js';
