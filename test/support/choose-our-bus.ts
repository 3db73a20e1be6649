// Imported before a suite, makes the suite run on our own message bus.

import { chooseBus } from './chosen-bus.js';
import { startPrivateMessageBus } from './private-message-bus.js';

chooseBus(startPrivateMessageBus);
