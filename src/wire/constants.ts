// The numbers of the protocol: limits, flags, header field codes.
// It has no code. Every limit of the specification that the library checks has a name here.
// Specification: Valid Signatures, Valid Names, Message Format, Header Fields, Marshalling Containers.
// Tests: error-codes.test.ts, limits.test.ts.

/** Longest signature, in bytes. ‹Valid Signatures› */
export const MAX_SIGNATURE_LENGTH = 255;
/** The most arrays that one signature may nest. ‹Valid Signatures› */
export const MAX_ARRAY_DEPTH = 32;
/** The most structs that one signature may nest. The same limit holds for dict entries. ‹Valid Signatures› */
export const MAX_STRUCT_DEPTH = 32;
/** The most containers (arrays, structs, dict entries, variants) around one value of a message. ‹Valid Signatures› */
export const MAX_VALUE_DEPTH = 64;
/**
 * The most containers inside one another that every message bus accepts: dbus-broker also counts empty arrays and
 * arrays of bytes, and ends a connection that sends more. (Not in the specification.)
 */
export const MAX_PORTABLE_DEPTH = 63;
/** Longest bus, interface, error or member name, in bytes. ‹Valid Names› */
export const MAX_NAME_LENGTH = 255;
/** Longest array, in bytes of element data: 64 MiB. ‹Marshalling Containers› */
export const MAX_ARRAY_LENGTH = 2 ** 26;
/** Longest message, header included, in bytes: 128 MiB. ‹Message Format› */
export const MAX_MESSAGE_LENGTH = 2 ** 27;
/** Length of the fixed part of a header, in bytes. It determines the length of the message. ‹Message Format› */
export const FIXED_HEADER_LENGTH = 16;
/** The major protocol version: the fourth byte of every message. ‹Message Format› */
export const PROTOCOL_VERSION = 1;

/**
 * Reserved object path, which implementations use internally. No message may carry it, or a path that starts with it.
 * ‹Header Fields›
 */
export const LOCAL_PATH = '/org/freedesktop/DBus/Local';
/** Reserved interface. No message may carry it, or a name that starts with it. ‹Header Fields› */
export const LOCAL_INTERFACE = 'org.freedesktop.DBus.Local';

/** The first byte of a message for each byte order: ASCII `l` and `B`. ‹Message Format› */
export const BYTE_ORDER_MARK = { little: 0x6c, big: 0x42 } as const;
/** Byte order of one message, header and body. */
export type ByteOrder = keyof typeof BYTE_ORDER_MARK;

/** The codes of the message types, by their names in match rules. ‹Message Format, Match Rules› */
export const MESSAGE_TYPE_CODE = { method_call: 1, method_return: 2, error: 3, signal: 4 } as const;

/** Bits of the flags byte. Unknown bits are ignored. ‹Message Format› */
export const MessageFlag = {
  /** The caller expects no reply: neither METHOD_RETURN nor ERROR may be sent. */
  NO_REPLY_EXPECTED: 0x1,
  /** The bus must not start a service to deliver this message. */
  NO_AUTO_START: 0x2,
  /** The caller is prepared to wait while the user is asked for permission. */
  ALLOW_INTERACTIVE_AUTHORIZATION: 0x4,
} as const;

/** Codes of the header fields. ‹Header Fields› */
export const HeaderField = {
  PATH: 1,
  INTERFACE: 2,
  MEMBER: 3,
  ERROR_NAME: 4,
  REPLY_SERIAL: 5,
  DESTINATION: 6,
  SENDER: 7,
  SIGNATURE: 8,
  UNIX_FDS: 9,
} as const;

/** The greatest code of a known header field. ‹Header Fields› */
export const LAST_KNOWN_FIELD = HeaderField.UNIX_FDS;

/**
 * Code of a header field that the specification does not define but the reference implementation knows. It accepts the
 * field once, as an object path, and rejects the message otherwise.
 */
export const CONTAINER_INSTANCE = 10;

/** Containers around the variant of a header field: the array of fields and a struct. ‹Message Format› */
export const FIELD_DEPTH = 2;

/** The greatest UINT32, and therefore the greatest serial. */
export const MAX_UINT32 = 0xffff_ffff;
