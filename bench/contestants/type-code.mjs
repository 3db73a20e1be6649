// The message types as numbers, which is how the peers spell them. Specification: Message Types.
export const TYPE_CODE = { method_call: 1, method_return: 2, error: 3, signal: 4 };

export const typeName = (code) => Object.keys(TYPE_CODE).find((name) => TYPE_CODE[name] === code);
