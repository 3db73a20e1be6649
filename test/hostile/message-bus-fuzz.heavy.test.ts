// The suite of message-bus-fuzz.test.ts with more messages.

import './message-bus-fuzz.test.js';
