<?if pages.previous?>
<nav aria-label="Pages"><ul>
<li><a href="{pages.previous}" rel="prev">← Previous page</a></li>
<?if pages.next?><li><a href="{pages.next}" rel="next">Next page →</a></li><?end?>
</ul></nav>
<?elif pages.next?>
<nav aria-label="Pages"><ul>
<li><a href="{pages.next}" rel="next">Next page →</a></li>
</ul></nav>
<?end?>
