// Which addresses only this machine reaches: there a broker of ours needs no password. Pure.

/** Four numbers in their only spelling: with `127.0.0.010` programs do not agree on what it means. */
const BYTE = /^(?:0|[1-9]\d{0,2})$/;
/** What an IPv6 address may be written with; a zone (`%lo`) is none of it. */
const IPV6 = /^[\da-f:.]+$/i;
/** `127.0.0.0/8` as IPv6 (RFC 4291, 2.5.5.2), as an URL spells it. */
const MAPPED = /^\[::ffff:7f[\da-f]{2}:[\da-f]+\]$/;

/** In any spelling that is an address; what is in doubt is none. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  if (IPV6.test(host) && host.includes(':')) {
    const spelled = URL.parse(`http://[${host}]`)?.hostname ?? '';
    return spelled === '[::1]' || MAPPED.test(spelled);
  }
  const parts = host.split('.');
  return (
    parts.length === 4 && parts[0] === '127' && parts.every((part) => BYTE.test(part) && Number(part) < 256)
  );
}
