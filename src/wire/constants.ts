// The numbers of the protocol: limits, flags, header field codes.
// Nothing here computes; every limit of the specification that the library checks has its name in this file.
// Specification: Valid Signatures, Valid Names, Message Format, Header Fields, Marshalling Containers.

/** Longest signature, in bytes. ‹Valid Signatures› */
export const MAX_SIGNATURE_LENGTH = 255;
/** Most arrays that one signature may nest. ‹Valid Signatures› */
export const MAX_ARRAY_DEPTH = 32;
/** Most structs that one signature may nest. Dict entries are held to the same number. ‹Valid Signatures› */
export const MAX_STRUCT_DEPTH = 32;
/** Most containers (arrays, structs, dict entries, variants) around one value of a message. ‹Valid Signatures› */
export const MAX_VALUE_DEPTH = 64;
/** Longest bus, interface, error or member name, in bytes. ‹Valid Names› */
export const MAX_NAME_LENGTH = 255;
/** Longest array, in bytes of element data: 64 MiB. ‹Marshalling Containers› */
export const MAX_ARRAY_LENGTH = 2 ** 26;
/** Longest message, header included, in bytes: 128 MiB. ‹Message Format› */
export const MAX_MESSAGE_LENGTH = 2 ** 27;
/** Bytes from which the length of a message is known. ‹Message Format› */
export const FIXED_HEADER_LENGTH = 16;
/** The major protocol version, fourth byte of every message. ‹Message Format› */
export const PROTOCOL_VERSION = 1;

/**
 * Object path that no message may carry, nor one that begins so: implementations use it for themselves. ‹Header Fields›
 */
export const LOCAL_PATH = '/org/freedesktop/DBus/Local';
/** Interface that no message may carry, nor one that begins so. ‹Header Fields› */
export const LOCAL_INTERFACE = 'org.freedesktop.DBus.Local';

/** First byte of a message, by byte order: ASCII `l` and `B`. ‹Message Format› */
export const BYTE_ORDER_MARK = { little: 0x6c, big: 0x42 } as const;
/** Byte order of one message, header and body. */
export type ByteOrder = keyof typeof BYTE_ORDER_MARK;

/** Message types by the names that match rules give them, with their codes in byte 1. ‹Message Format› */
export const MESSAGE_TYPE_CODE = { method_call: 1, method_return: 2, error: 3, signal: 4 } as const;

/** Bits of the flags byte. Others may be set by a peer and are ignored. ‹Message Format› */
export const MessageFlag = {
  /** The caller will not read a reply: send none, neither return nor error. */
  NO_REPLY_EXPECTED: 0x1,
  /** The bus must not start a service to deliver this message. */
  NO_AUTO_START: 0x2,
  /** The caller is ready to wait while a user is asked for permission. */
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

/** The greatest code of a header field that has a name; fields of greater codes are unknown ones. ‹Header Fields› */
export const LAST_KNOWN_FIELD = HeaderField.UNIX_FDS;

/**
 * Code of a header field that no specification has but the reference implementation knows: it takes it once, as an
 * object path, and refuses the message otherwise.
 */
export const CONTAINER_INSTANCE = 10;

/** Containers around the variant of a header field: the array of fields and the struct of one. ‹Message Format› */
export const FIELD_DEPTH = 2;

/** The greatest UINT32, and so the greatest serial. */
export const MAX_UINT32 = 0xffff_ffff;
