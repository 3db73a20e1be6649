// The reasons for which a bus disconnects a client that has sent valid bytes. The client does not get them: its
// connection ends. Specification: Message Bus Specification. Tests: delivery.test.ts.

/** The rule of the bus that a client has broken. */
export type ProtocolViolationCode =
  | 'NOT_REGISTERED' | 'MONITOR_SENDS' | 'NOT_READING' | 'INCOMPLETE' | 'UNIX_FDS' | 'TOO_LONG';

/** The bus has disconnected a client because of what the client did. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  readonly code: ProtocolViolationCode;

  constructor(code: ProtocolViolationCode, problem: string) {
    super(problem);
    this.code = code;
  }

  static notRegistered(): ProtocolViolation {
    return new ProtocolViolation('NOT_REGISTERED', 'the client sent a message before Hello: Hello must come first');
  }

  static monitorSends(): ProtocolViolation {
    return new ProtocolViolation('MONITOR_SENDS', 'a monitor sent a message: it must not send any');
  }

  static notReading(): ProtocolViolation {
    return new ProtocolViolation('NOT_READING', 'too many bytes wait for the client: it must read');
  }

  static tooMuchIncomplete(): ProtocolViolation {
    const problem = 'too many bytes wait for the rest of their messages: the client with most must send the rest';
    return new ProtocolViolation('INCOMPLETE', problem);
  }

  static descriptors(count: number): ProtocolViolation {
    const problem = `the message has ${count} file descriptors: it must have none, because the bus has declined them`;
    return new ProtocolViolation('UNIX_FDS', problem);
  }

  static tooLong(): ProtocolViolation {
    return new ProtocolViolation('TOO_LONG', 'the message is too long with the name of its sender: it must be shorter');
  }
}
