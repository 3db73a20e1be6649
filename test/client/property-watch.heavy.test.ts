// The suite of property-watch.test.ts with a service that never answers.

import './property-watch.test.js';
