// The suite of peer-to-peer.test.ts with every transport and mechanism.

import './peer-to-peer.test.js';
