// The suite of message-bus.test.ts with every broken message and more clients.

import './message-bus.test.js';
