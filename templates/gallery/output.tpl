<?if example.is_running?><p role="status">It is running.</p><?end?>
<?if example.code?><p role="alert">It has ended with code {example.code}.</p><?end?>
<pre tabindex="0">{output}</pre>
<p><a href="/source/{example.name}">View source</a> · <a href="/#{example.name}">All examples</a></p>
