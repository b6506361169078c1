<p>Each of these is one Python file, to be read from top to bottom. Run one, read how it is made, change it.</p>
<article><p><strong><a href="/handbook/">The handbook</a></strong><br>
From ten lines to a packed program in half an hour, short answers for each task, and a reference: without a network.</p></article>
<div data-kali-events="/news"></div>
<?for group in groups?>
<h2>{group.heading}</h2>
<ul class="cards">
<?for example in group.examples?><?include card?><?end?>
</ul>
<?end?>
