// The public names of authentication, published as dbus-wire/auth: the state machines of both sides, which are fed with
// bytes and know no sockets. Specification: Authentication Protocol. Tests: test/public-names.test.ts.
export {
  AuthClient, type AuthClientOptions, type ClientProgress, type ClientResult, type ClientState,
} from './client.js';
export {
  type Cookie, type CookieHashing, cookieSha1, type CookieSha1Options, cookieSha1Server, type CookieSha1ServerOptions,
} from './cookie-sha1.js';
export { AuthError, type AuthErrorCode, type AuthErrorDetails } from './errors.js';
export {
  anonymous, anonymousServer, type ClientExchange, type ClientMechanism, type ClientResponder, type ClientStep,
  external, externalServer, type MechanismName, type ServerMechanism, type ServerStep,
} from './mechanisms.js';
export {
  AuthServer, type AuthServerOptions, type ServerClaim, type ServerProgress, type ServerResult, type ServerState,
} from './server.js';
export { DBusWireError, type ErrorFault } from '../wire/errors.js';
