// The suite of dispatch.test.ts with the default limits of calls, and with texts that are longer than any message.

import './dispatch.test.js';
