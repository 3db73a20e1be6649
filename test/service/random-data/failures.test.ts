// The reports of the service program about failures: exit code, stream and text of each kind.

import { describe, expect, test } from 'vitest';
import { ConnectionClosedError, NameRequestError } from '../../../src/connection/errors.js';
import { UsageError } from '../../../src/program-options.js';
import { AddressError, DBusError } from '../../../src/protocol/errors.js';
import { describeConnectFailure, describeFailure } from '../../../src/service/random-data/failures.js';
import { ConnectError } from '../../../src/transport/errors.js';

const ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied';

describe('a failure of the service program', () => {
  test.each([
    [new UsageError('Unknown option'), 64, 'stderr', 'dbus-wire-service: Unknown option (see --help)'],
    [new NameRequestError('com.example.S'), 1, 'stdout', 'service is already running'],
    [new ConnectionClosedError('it ended'), 3, 'stderr', 'dbus-wire-service: the bus has ended: it ended'],
    [new DBusError(ACCESS_DENIED, 'no'), 1, 'stdout', `Unexpected exception occurred: '${ACCESS_DENIED}: no'`],
    [new Error('unforeseen'), 1, 'stdout', `Unexpected exception occurred: 'unforeseen'`],
    ['unforeseen', 1, 'stdout', `Unexpected exception occurred: 'unforeseen'`],
  ])('%s has exit code %i', (error, code, stream, text) => {
    expect(describeFailure(error)).toEqual({ code, stream, text });
  });

  test.each([
    [new ConnectError('unix:path=/x', [new Error('unix:path=/x: no such file')])],
    [new AddressError('SESSION_BUS_NOT_FOUND', 'no session bus')],
    [new DBusError(ACCESS_DENIED, 'no')],
  ])('to connect has exit code 3: %s', (error) => {
    const text = `dbus-wire-service: ${error.message}`;
    expect(describeConnectFailure(error)).toEqual({ code: 3, stream: 'stderr', text });
  });
});
