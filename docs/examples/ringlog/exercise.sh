# Writes a few lines; after a while the log is full, and each line replaces the oldest one.
for word in one two three; do
	echo "event $word" >/proc/ringlog
done
