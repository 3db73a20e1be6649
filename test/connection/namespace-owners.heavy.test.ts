// The suite of namespace-owners.test.ts with thousands of names.

import './namespace-owners.test.js';
