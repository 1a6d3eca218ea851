/** The recommended Redis user, as the words of an ACL rule; let at all keys and channels, as tests use any prefix. */
export const READ_ONLY_RULES: readonly string[];
