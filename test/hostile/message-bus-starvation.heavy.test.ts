// The suite of message-bus-starvation.test.ts with all floods, which are longer.

import './message-bus-starvation.test.js';
