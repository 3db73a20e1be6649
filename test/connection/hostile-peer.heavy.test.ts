// The suite of hostile-peer.test.ts with more and longer messages.

import './hostile-peer.test.js';
