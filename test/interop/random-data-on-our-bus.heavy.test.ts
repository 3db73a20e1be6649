// The suite of random-data.test.ts on our own message bus: what holds on dbus-daemon holds on it.
// Specification: Message Bus Specification.

import '../support/choose-our-bus.js';
import './random-data.test.js';
