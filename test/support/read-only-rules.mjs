/** The recommended Redis user, as the words of an ACL rule; let at all keys and channels, as tests use any prefix. */
export const READ_ONLY_RULES = [
  "on >secret resetkeys %R~* &*",
  "+ping +hello +info +client|setname +client|id +client|tracking +subscribe +unsubscribe +psubscribe +punsubscribe",
  "+multi +exec +xread +xrange +xrevrange +xinfo|stream +hget +hmget +lrange +llen +lpos +zscore +zcard +zrange",
  "+exists +type +scan",
]
  .join(" ")
  .split(" ");
