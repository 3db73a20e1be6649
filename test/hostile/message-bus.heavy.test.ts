// The suite of message-bus.test.ts with every broken message, more clients, and a flood.

import './message-bus.test.js';
