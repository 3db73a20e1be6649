// The reports of the client program about failures: exit code, stream and text of each kind.

import { describe, expect, test } from 'vitest';
import { BitsError } from '../../../src/client/random-data/command-line.js';
import { describeConnectFailure, describeFailure } from '../../../src/client/random-data/failures.js';
import { ServiceGoneError } from '../../../src/client/random-data/slow-number.js';
import { AddressError, DBusError } from '../../../src/protocol/errors.js';
import { ConnectError } from '../../../src/transport/errors.js';
import { CallTimeoutError, ConnectionClosedError, UnexpectedSignatureError } from '../../../src/connection/errors.js';
import { UsageError } from '../../../src/program-options.js';

const ERROR = 'org.freedesktop.DBus.Error';
const failedTo = (text: string): string => `Failed to initialize D-Bus object: '${text}'`;
const timeout = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

describe('a failure of the client program', () => {
  test.each([
    [new UsageError('Unknown option'), 64, 'stderr', 'dbus-wire-client: Unknown option (see --help)'],
    [new BitsError('input argument must be integer'), 1, 'stdout', 'input argument must be integer'],
    [new DBusError(`${ERROR}.ServiceUnknown`, 'none'), 2, 'stdout', failedTo(`${ERROR}.ServiceUnknown: none`)],
    [new DBusError(`${ERROR}.NameHasNoOwner`, 'none'), 2, 'stdout', failedTo(`${ERROR}.NameHasNoOwner: none`)],
    [new DBusError(`${ERROR}.Spawn.ExecFailed`, 'none'), 2, 'stdout', failedTo(`${ERROR}.Spawn.ExecFailed: none`)],
    [new DBusError(`${ERROR}.TimedOut`, 'slow start'), 2, 'stdout', failedTo(`${ERROR}.TimedOut: slow start`)],
    [new DBusError(`${ERROR}.NoReply`, 'disconnected'), 2, 'stderr', 'the service left the bus: disconnected'],
    [new DBusError(`${ERROR}.InvalidArgs`, 'negative'), 4, 'stderr', `${ERROR}.InvalidArgs: negative`],
    [new DBusError('com.example.Error.Mute'), 4, 'stderr', 'com.example.Error.Mute'],
    [new ServiceGoneError('com.example.S'), 2, 'stderr', 'the service com.example.S left the bus before the result came'],
    [new ConnectionClosedError('the peer closed the connection'), 2, 'stderr', 'the peer closed the connection'],
    [new CallTimeoutError('quick', 50), 4, 'stderr', 'no reply to quick within 50 ms'],
    [timeout, 4, 'stderr', 'no result within the time given'],
    [new UnexpectedSignatureError('quick', { expected: 's', actual: 'u' }), 4, 'stderr',
      'the reply to quick has signature "u": it must have "s"'],
    [new Error('unforeseen'), 1, 'stderr', `Unexpected exception occurred: 'unforeseen'`],
    ['unforeseen', 1, 'stderr', `Unexpected exception occurred: 'unforeseen'`],
  ])('%s has exit code %i', (error, code, stream, text) => {
    expect(describeFailure(error)).toEqual({ code, stream, text });
  });
});

describe('a failure of the client program to connect', () => {
  const connect = new ConnectError('unix:path=/x', [new Error('unix:path=/x: no such file')]);
  test.each([
    [connect, `${ERROR}.NoServer: ${connect.message}`],
    [new AddressError('SESSION_BUS_NOT_FOUND', 'no session bus'), `${ERROR}.NoServer: no session bus`],
    [new AddressError('VALUE_EMPTY', 'a value is empty'), `${ERROR}.BadAddress: a value is empty`],
    [new DBusError(`${ERROR}.LimitsExceeded`, 'too many'), `${ERROR}.LimitsExceeded: too many`],
    [new ConnectionClosedError('the peer closed the connection'), `${ERROR}.NoServer: the peer closed the connection`],
    [new CallTimeoutError('Hello', 50), `${ERROR}.NoServer: no reply to Hello within 50 ms`],
  ])('is described by its error: %s', (error, text) => {
    expect(describeConnectFailure(error)).toEqual({ code: 2, stream: 'stdout', text: failedTo(text) });
  });
});
