// The suite of introspect.test.ts with 200,000 invalid names of objects.

import './introspect.test.js';
