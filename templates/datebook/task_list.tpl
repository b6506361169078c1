<loop>
<table>
<thead><tr>
<?for column in columns?>
<th scope="col"<?if column.sorted?> aria-sort="ascending"<?end?>><a href="{column.url}">{column.title}</a></th>
<?end?>
<th scope="col">Done?</th>
</tr></thead>
<tbody>
<?begin?>
<tr>
<th scope="row"><a href="/task/{task}" dir="auto"<?if done?> class="done"<?end?>>{title}</a></th>
<td class="tight">{level}</td>
<td class="tight"><?if due?><time datetime="{due}">{day}</time><?if late?> <strong class="late">late</strong><?end?><?end?></td>
<td class="tight"><form method="post" action="/task/{task}/done">
<?if sort?><input type="hidden" name="sort" value="{sort.value}"><?end?>
<?if everything?><input type="hidden" name="everything" value="1"><?end?>
<?if done?><button type="submit" class="secondary" name="done" value="0" aria-label="Not done: {title}">Not done</button>
<?else?><button type="submit" class="secondary" name="done" value="1" aria-label="Done: {title}">Done</button><?end?>
</form></td>
</tr>
<?end?>
</tbody>
</table>
<?else?>
<p>Nothing to do. Enjoy it!</p>
</loop>
