"""The data catalogue (数据资源目录) of a running node: sheets in and out, drafts, history, staleness, the review of classification."""
