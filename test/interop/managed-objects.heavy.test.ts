// The suite of managed-objects.test.ts with thousands of objects, and a program of the page.

import './managed-objects.test.js';
