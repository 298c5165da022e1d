/** What may be a request id: opaque, but safe in a path. `encodeURIComponent` alone would let `..` climb. */
export const REQUEST_ID = /^(?!\.+$)[A-Za-z0-9._-]{1,200}$/;
