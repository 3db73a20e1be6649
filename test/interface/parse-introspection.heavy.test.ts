// The suite of parse-introspection.test.ts with data of megabytes and more rounds.

import './parse-introspection.test.js';
