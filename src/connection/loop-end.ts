// The error that ends a loop over a stream with its connection: it names the stream, because a loop ends far away from
// the code that has closed the connection. It does not know queues. Tests: test/client/loop-ends.test.ts.
// (Not in the specification.)
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { ConnectionClosedError } from './errors.js';

/** Names a stream in an error, such as `signal com.example.Player1.Started`. */
export type StreamName = () => string;

/** The name of the signals of a rule: an interface and a member if the rule has both, or else the rule itself. */
export function signalsOf(rule: MatchRule): StreamName {
  const { interface: interfaceName, member } = rule;
  return () => (
    interfaceName === undefined || member === undefined
      ? `signals of the rule ${formatMatchRule(rule)}` : `signal ${interfaceName}.${member}`
  );
}

/** The reason for the reader of a stream: if the connection has ended, an error of its own that names the stream. */
export function reasonFor(stream: StreamName | undefined, reason: unknown): unknown {
  if (stream === undefined || !(reason instanceof ConnectionClosedError)) return reason;
  const { message, code } = reason;
  const details = 'cause' in reason ? { code, cause: reason.cause } : { code };
  return new ConnectionClosedError(`${message} (in a loop over ${stream()})`, details);
}
