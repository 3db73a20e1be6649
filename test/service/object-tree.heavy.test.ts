// The suite of object-tree.test.ts with 20,000 objects.

import './object-tree.test.js';
