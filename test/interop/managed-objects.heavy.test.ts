// The suite of managed-objects.test.ts with both real buses, thousands of objects, and a program of the page.

import './managed-objects.test.js';
