// The suite of run-command.test.ts with every kind of end.

import './run-command.test.js';
