// Imported before a suite, makes the suite run on a dbus-daemon behind xdg-dbus-proxy.

import { chooseBus } from './chosen-bus.js';
import { PROXY_PROGRAMS, startProxiedBus } from './private-proxy.js';

chooseBus((options) => startProxiedBus(options), PROXY_PROGRAMS);
