// The suite of client.test.ts with chunks of every size, and more random lines.

import './client.test.js';
