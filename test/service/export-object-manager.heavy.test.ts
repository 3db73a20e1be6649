// The suite of export-object-manager.test.ts with 10,000 objects, and with each combination of nested subtrees.

import './export-object-manager.test.js';
