// User names and passwords inside URLs, which must never be shown: not in a log, an error or an answer. Pure.

/** Replaces `user:password@` in URLs by `[hidden]@`. A password may itself hold '@' and '/': up to the last '@'. */
export function hideCredentials(text: string): string {
  if (!text.includes('@')) return text;
  return text.replace(/([a-z][a-z0-9+.-]{0,20}:\/\/)\S*@/gi, '$1[hidden]@');
}
