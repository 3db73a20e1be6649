// The suite of export-object.test.ts with thousands of objects.

import './export-object.test.js';
