// Words about numbers, the same in every command. Pure.

/** `1 photo`, `2 photos`. */
export function plural(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`;
}
