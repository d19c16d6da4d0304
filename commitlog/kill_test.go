package commitlog

// childEnv is set in the process that the kill test starts.
const childEnv = "SEXTANT_COMMITLOG_CHILD"

func childMain() int { return 0 }
