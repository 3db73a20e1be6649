// The suite of introspection.test.ts with more mutated texts.

import './introspection.test.js';
